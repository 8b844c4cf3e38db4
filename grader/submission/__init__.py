"""From a student's folder to a clean notebook."""
