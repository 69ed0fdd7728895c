"""A page in the browser for what is deployed: requests become calls of nami_control, their results pictures."""
