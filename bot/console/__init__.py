"""The console (工作台): JSON API and pages for staff, leaders and trainers."""
