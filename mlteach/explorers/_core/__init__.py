"""What all explorers share: the figure, the controls, the pointer, tiles of images, the worker."""
