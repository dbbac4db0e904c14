"""Automated program repair (generate and validate): single mutations of suspicious lines, run against failing tests."""
