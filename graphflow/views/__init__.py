"""Views: what was compiled and what was measured, as tables, pictures and pages."""
