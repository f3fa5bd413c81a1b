"""A Slurm of a few lines that has the commands of the real one."""

# One program under all of Slurm's names. A job is a file with its state; "pid-JOB" is the process of its task.
SLURM = """
import os, re, subprocess, sys, time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

place, name, words = Path(__file__).parent.parent, Path(sys.argv[0]).name, sys.argv[1:]

def life(job, script, **more):
    while True:
        (place / f"job-{job}").write_text("RUNNING")
        subprocess.run(["bash", script], env={**os.environ, "SLURM_NTASKS": "1", "SLURM_PROCID": "0", **more})
        try:
            (place / f"requeue-{job}").unlink()
        except FileNotFoundError:
            (place / f"job-{job}").unlink()
            return
        (place / f"job-{job}").write_text("PENDING")

if name == "sbatch":
    main = 100 + len(list(place.glob("script-*")))
    text = Path(words[0]).read_text()
    (place / f"script-{main}").write_text(text)
    array = re.search(r"--array=0-(\\d+)%(\\d+)", text)
    count, at_once = (int(array[1]) + 1, array[2]) if array else (0, "1")
    jobs = [f"{main}_{index}" for index in range(count)] or [f"{main}"]
    for job in jobs:
        (place / f"job-{job}").write_text("PENDING")
    if not (place / "full").exists():
        log = open(place / "log", "a")
        subprocess.Popen([str(place / "bin/slurmctld"), at_once, str(place / f"script-{main}"), *jobs],
                         start_new_session=True, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    print(f"Submitted batch job {main}")
elif name == "slurmctld":
    at_once, script, *jobs = words
    with ThreadPoolExecutor(int(at_once)) as pool:
        for job in jobs:
            main, _, index = job.partition("_")
            more = {"SLURM_ARRAY_JOB_ID": main, "SLURM_ARRAY_TASK_ID": index} if index else {}
            pool.submit(life, job, script, SLURM_JOB_ID=main, **more)
elif name == "srun":
    main, index = os.environ["SLURM_JOB_ID"], os.environ.get("SLURM_ARRAY_TASK_ID")
    job = main if index is None else f"{main}_{index}"
    while words[0].startswith("--"):
        option = words.pop(0)
        if option in ("--output", "--error"):
            path = words.pop(0).replace("%A_%a", job).replace("%j", job).replace("%t", "0")
            os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644), 1 if option == "--output" else 2)
    (place / f"pid-{job}").write_text(str(os.getpid()))
    os.execvp(words[0], words)
elif name == "squeue":
    if (place / "down").exists():
        sys.exit("slurm_load_jobs error: Unable to contact slurm controller")
    for path in place.glob("job-*"):
        print(path.name[4:], path.read_text() or "RUNNING")
elif name == "scontrol":
    assert words[0] == "requeue"
    (place / f"requeue-{words[1]}").touch()
"""
