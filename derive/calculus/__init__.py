"""The calculus: rules, the engine that applies them, derivatives, and the forms a result is shown in."""
