"""What people and programs are told: notifications, their mails and webhooks."""
