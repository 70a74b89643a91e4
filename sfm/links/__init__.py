"""Links in posts: finding them, following them safely, keeping every hop."""
