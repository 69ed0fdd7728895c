"""What one does with what is deployed, in plain Python: nothing here prints, asks or exits."""
