"""List the licences of the packages that kohorte is locked to."""

from kohorte.study.packages import list_licences

if __name__ == "__main__":
    for name, release, licence in list_licences("envs/requirements.txt"):
        print(f"{name:36} {release:16} {licence}")
