//! Which container and which pod a control group is of: their runtimes name the groups after them.
//!
//! | who made it | its path ends with |
//! | --- | --- |
//! | Docker | `/docker/ID`, `/docker-ID.scope` |
//! | containerd | `/cri-containerd-ID.scope`, `...:cri-containerd:ID` |
//! | CRI-O | `/crio-ID.scope`, `/crio-ID` |
//! | Podman | `/libpod-ID.scope` |
//! | LXC | `/lxc/NAME`, `/lxc.payload.NAME` |
//! | Kubernetes, around these | `/podUID/ID`, `/kubepods-CLASS-podUID.slice/...` |
//!
//! ID is 64 hexadecimal digits. Groups that a container makes within its own belong to it.

/// What the path of a group says of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Container {
    /// `docker`, `containerd`, `cri-o`, `podman`, `lxc`; empty where the path does not say.
    pub runtime: &'static str,
    /// The number of the container, in full; with LXC its name.
    pub id: String,
    /// The `uid` of the pod, in the form that Kubernetes shows.
    pub pod: String,
}

/// Digits of the number of a container.
const ID_DIGITS: usize = 64;

/// How the name of a group begins that is a container of one runtime.
const PREFIXES: [(&str, &str); 6] = [
    ("docker-", "docker"),
    ("cri-containerd-", "containerd"),
    ("containerd-", "containerd"),
    ("crio-", "cri-o"),
    ("libpod-", "podman"),
    ("lxc.payload.", "lxc"),
];

impl Container {
    /// The container and pod of the group at `path`; of neither if it is in none.
    pub fn from_path(path: &str) -> Container {
        let mut container = Container::default();
        let mut parent = "";
        for name in path.split('/').filter(|name| !name.is_empty()) {
            // containerd without systemd: the group of the pod, and behind it that of the container.
            for part in name.split(':') {
                container.see_pod(part);
                container.see_container(parent, part);
                parent = part;
            }
        }
        container
    }

    fn see_pod(&mut self, name: &str) {
        let name = name.strip_suffix(".slice").unwrap_or(name);
        let Some(at) = name.rfind("pod") else { return };
        let before = &name[..at];
        if !(before.is_empty() || before.starts_with("kubepods") && before.ends_with('-')) {
            return;
        }
        let uid = name[at + "pod".len()..].replace('_', "-");
        if is_uid(&uid) {
            self.pod = uid;
        }
    }

    fn see_container(&mut self, parent: &str, name: &str) {
        let name = name.strip_suffix(".scope").unwrap_or(name);
        for (prefix, runtime) in PREFIXES {
            let Some(id) = name.strip_prefix(prefix) else { continue };
            if is_id(id) || runtime == "lxc" && !id.is_empty() {
                self.is(runtime, id);
                return;
            }
        }
        let of_parent = match parent {
            "docker" => "docker",
            "cri-containerd" => "containerd",
            "libpod_parent" => "podman",
            "lxc" if self.id.is_empty() => return self.is("lxc", name),
            _ => "",
        };
        if is_id(name) {
            self.is(of_parent, name);
        }
    }

    fn is(&mut self, runtime: &'static str, id: &str) {
        self.runtime = runtime;
        self.id.clear();
        self.id.push_str(id);
    }
}

fn is_id(text: &str) -> bool {
    text.len() == ID_DIGITS && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// A UUID, or the 32 digits of a pod that comes from a file.
fn is_uid(text: &str) -> bool {
    match text.len() {
        32 => text.bytes().all(|byte| byte.is_ascii_hexdigit()),
        36 => text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        }),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::Container;

    const ID: &str = "3f4d6c0e8a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5";
    const UID: &str = "5f2a9c1e-0b7d-4e3a-9c8b-1a2b3c4d5e6f";

    #[test]
    fn containers_and_pods_are_told_from_the_paths_that_their_runtimes_give_them() {
        let uid_ = UID.replace('-', "_");
        let slice =
            format!("/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{uid_}.slice");
        for (path, runtime, pod) in [
            (format!("/docker/{ID}"), "docker", ""),
            (format!("/system.slice/docker-{ID}.scope"), "docker", ""),
            (format!("/system.slice/docker-{ID}.scope/init"), "docker", ""),
            (format!("{slice}/cri-containerd-{ID}.scope"), "containerd", UID),
            (format!("{slice}/crio-{ID}.scope"), "cri-o", UID),
            (format!("/kubepods/burstable/pod{UID}/{ID}"), "", UID),
            (format!("/kubepods/pod{UID}/{ID}/nested/more"), "", UID),
            (
                format!(
                    "/system.slice/containerd.service/kubepods-besteffort-pod{uid_}.slice:\
                     cri-containerd:{ID}"
                ),
                "containerd",
                UID,
            ),
            (format!("/machine.slice/libpod-{ID}.scope/container"), "podman", ""),
        ] {
            let is = Container::from_path(&path);
            let expected = Container { runtime, id: ID.to_owned(), pod: pod.to_owned() };
            assert_eq!(is, expected, "{path}");
        }
        assert_eq!(Container::from_path("/lxc.payload.web").id, "web");
        assert_eq!(Container::from_path("/lxc/web/system.slice").id, "web");
        let pod = Container::from_path(&slice);
        assert_eq!((pod.id.as_str(), pod.pod.as_str()), ("", UID), "a pod, and no container");
    }

    #[test]
    fn other_groups_are_of_no_container() {
        for path in [
            "/",
            "/user.slice/user-0.slice/session-1.scope",
            "/system.slice/docker.service",
            "/system.slice/podman.service",
            "/system.slice/tripod-abc.service",
            "/docker/short",
            "/system.slice/crio-conmon-1234.scope",
        ] {
            assert_eq!(Container::from_path(path), Container::default(), "{path}");
        }
    }
}
