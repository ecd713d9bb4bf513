"""What a person does with the dashboard, in a real Chromium: clicks, keys, a narrow phone, a dark room."""
