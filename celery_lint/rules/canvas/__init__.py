"""Rules on canvases."""
