"""What every worker answers: one line of JSON for each job, also where the framework refuses."""


def answer(check):
    try:
        return check()
    except Exception as error:  # Whatever a framework raises is the outcome.
        text = " ".join(str(error).split())
        return {"missing": [], "unexpected": [], "mismatched": [], "difference": 0.0,
                "error": f"{type(error).__name__}: {text[:400]}"}
