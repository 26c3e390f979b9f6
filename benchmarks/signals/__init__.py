"""Sends a signal to the command at a random time of its life, from its imports to its exit."""
