"""Downloads of submissions, read without unpacking them: archives and folders, and a module for each system's form."""
