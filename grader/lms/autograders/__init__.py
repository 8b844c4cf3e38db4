"""One notebook's verdict as the autograders of learning systems take it; a module for each system."""
