"""Tests of the pages, the tools behind them and the built site."""
