"""Where webhooks end."""
