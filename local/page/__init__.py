"""What only the world can show on the page: events and their way, due cards, circuits, and sending a sample."""
