"""The stack of one clone on one machine: private servers, the services, the demo."""
