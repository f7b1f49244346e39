"""The service: both servers, a worker, what is deployed, and what keeps them going."""
