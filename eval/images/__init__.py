"""The paper's image scores, for folders of images."""
