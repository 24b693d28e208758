"""Everything said about a finished run: leaderboard, ceilings, comparisons, pictures, pages, exports; read from its files."""
