"""The pages for people."""

from flask import Blueprint, render_template

blueprint = Blueprint("pages", __name__)


@blueprint.get("/")
def first() -> str:
    return render_template("first.html")
