"""Tests of lectcode.verify: the checker is checked."""
