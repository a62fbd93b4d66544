"""Routes of Backend #2."""

from django.urls import path

import views

urlpatterns = [path("", views.index), path("health", views.health)]
