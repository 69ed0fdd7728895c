"""What producers send their webhooks to."""
