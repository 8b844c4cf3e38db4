"""nbgrader's side: its gradebook, its pages, its export."""
