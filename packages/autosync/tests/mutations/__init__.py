"""Break each guard, and see that the suite notices."""
