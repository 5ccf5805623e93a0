"""Event Grid, on the way out: state changes as CloudEvents 1.0, sent to a topic with the app's identity."""
