"""What a caller meets while he waits: opening hours, overflow, announcements, call-back."""
