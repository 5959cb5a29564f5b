"""The shelf of formats: one file reads one way of writing conversations down."""
