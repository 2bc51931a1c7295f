"""The demo: the whole main job on a fresh instance, through the doors that users use."""
