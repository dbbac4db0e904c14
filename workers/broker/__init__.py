"""The broker: the Celery application, and the doorbell that is all it carries."""
