"""Links in tweets: finding them, following them safely, keeping every hop."""
