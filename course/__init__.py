"""What lectures and assignments share: one look for all plots, knobs for figures."""
