"""What opens over the cockpit: plan cards, forms, menus, help, details. Dialogs ask and show; they never act."""
