"""The broker: the Celery application, and the doorbell messages, which are all that it carries."""
