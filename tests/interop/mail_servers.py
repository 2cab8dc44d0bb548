"""The servers that receiver.py starts: how each is configured, privately.

Each function makes its files in `folder` and gives its version, its command and its environment.
"""
import grp
import json
import os
import pathlib
import pwd
import shutil
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
SYSTEM_PYTHON = "/usr/bin/python3"  # aiosmtpd comes as a Debian package.
NODE = 20  # What Haraka asks for.
SIZE = 300000  # The largest message, where SIZE is offered.


def mount(*arguments):
    subprocess.run(["mount", *arguments], check=True)


def private_users(folder, names):
    """Users that exist in this name space alone."""
    for path, line in (("/etc/passwd", "{name}:x:{id}:{id}::{folder}:/bin/sh\n"),
                       ("/etc/group", "{name}:x:{id}:\n")):
        copy = folder / pathlib.Path(path).name
        copy.write_text(pathlib.Path(path).read_text() + "".join(
            line.format(name=name, id=64900 + n, folder=folder) for n, name in enumerate(names)))
        mount("--bind", str(copy), path)


def owned(folder, user, group=None, mode=0o700):
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(mode)
    os.chown(folder, pwd.getpwnam(user).pw_uid, grp.getgrnam(group or user).gr_gid)


def debian_version(root, package):
    return (root / f"{package}.version").read_text().strip()


POSTFIX_MASTER = """\
127.0.0.1:{port} inet n - n - - smtpd
[::1]:{port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
anvil unix - - n - 1 anvil
virtual unix - n n - - virtual
postlog unix-dgram n - n - 1 postlogd
"""

POSTFIX_MAIN = """\
compatibility_level = 3.6
config_directory = {folder}/config
queue_directory = {folder}/queue
data_directory = {folder}/data
meta_directory = {folder}/config
daemon_directory = {root}/usr/lib/postfix/sbin
command_directory = {root}/usr/sbin
shlib_directory = {root}/usr/lib/postfix
import_environment = MAIL_CONFIG TZ LD_LIBRARY_PATH={libraries}
maillog_file = {folder}/maillog
maillog_file_prefixes = {folder}
mail_owner = mail
setgid_group = news
default_privs = nobody
myhostname = mx.test
inet_interfaces = 127.0.0.1, [::1]
mynetworks = 127.0.0.0/8
mydestination =
alias_maps =
alias_database =
smtpd_peername_lookup = no
smtpd_relay_restrictions = reject_unauth_destination
smtpd_recipient_restrictions = check_recipient_access regexp:{folder}/config/recipients
message_size_limit = {size}
virtual_mailbox_domains = example.net
virtual_mailbox_maps = regexp:{folder}/config/mailboxes
virtual_mailbox_base = {folder}
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
virtual_minimum_uid = 1
smtpd_tls_security_level = may
smtpd_tls_cert_file = {folder}/cert.pem
smtpd_tls_key_file = {folder}/key.pem
smtpd_client_event_limit_exceptions =
smtpd_client_connection_count_limit = {connections}
smtpd_client_message_rate_limit = {messages}
smtpd_timeout = {idle}s
smtpd_tls_protocols = {protocols}
"""


def postfix_root(root):
    """Where tests/support/fetch_smtp_sink.sh put it."""
    return pathlib.Path(os.environ.get("CRESCENDO_SMTP_SINK") or root.parent / "smtp-sink").resolve()


def postfix_version(root):
    environment = {"LD_LIBRARY_PATH": f"{root}/usr/lib/postfix:{root}/lib"}
    version = subprocess.run([f"{root}/usr/sbin/postconf", "-d", "-h", "mail_version"],
                             env=environment, capture_output=True, text=True).stdout.strip()
    return version, environment


def postfix(root, folder, port, options):
    root = postfix_root(root)
    version, environment = postfix_version(root)
    mail = pwd.getpwnam("mail")
    config = folder / "config"
    config.mkdir()
    for name, mode, user, group in [
            ("data", 0o700, "mail", None), ("queue", 0o755, "root", None),
            ("queue/pid", 0o755, "root", None), ("queue/public", 0o710, "mail", "news"),
            ("queue/maildrop", 0o730, "mail", "news"), ("delivered", 0o700, "mail", None),
            *((f"queue/{name}", 0o700, "mail", None) for name in
              ("active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming",
               "private", "saved", "trace"))]:
        owned(folder / name, user, group, mode)
    (config / "recipients").write_text(
        "/^unknown@/ 550 5.1.1 no such user\n/^full@/ 452 4.2.2 mailbox full\n")
    (config / "mailboxes").write_text("/@example.net$/ delivered/\n")
    (config / "main.cf").write_text(POSTFIX_MAIN.format(
        folder=folder, root=root, libraries=environment["LD_LIBRARY_PATH"], size=SIZE, uid=mail.pw_uid,
        gid=mail.pw_gid, connections=options.connections or 0, messages=options.messages or 0,
        idle=options.idle or 300, protocols="TLSv1.2" if options.tls12 else ">=TLSv1.2"))
    (config / "master.cf").write_text(POSTFIX_MASTER.format(port=port))
    return (f"Postfix {version}",
            [f"{root}/usr/lib/postfix/sbin/master", "-c", str(config)], environment)


EXIM = """\
primary_hostname = mx.test
spool_directory = {folder}/spool
log_file_path = {folder}/%slog
pid_file_path = {folder}/exim.pid
daemon_smtp_ports = {port}
local_interfaces = <; 127.0.0.1 ; ::1
host_lookup =
rfc1413_query_timeout = 0s
message_size_limit = {size}
tls_advertise_hosts = *
tls_certificate = {folder}/cert.pem
tls_privatekey = {folder}/key.pem
tls_require_ciphers = NORMAL{protocols}
smtputf8_advertise_hosts = *
acl_smtp_rcpt = rcpt
acl_smtp_data = data
smtp_accept_queue_per_connection = 0
smtp_accept_max = {connections}
smtp_accept_max_per_connection = {messages}
smtp_receive_timeout = {idle}s
queue_run_max = 0
deliver_drop_privilege = true
keep_environment =
begin acl
rcpt:
  deny local_parts = unknown
       message = 550 5.1.1 no such user
  defer local_parts = full
        message = 452 4.2.2 mailbox full
  accept domains = example.net
  deny message = no relay
data:
  deny condition = ${{if >{{$received_count}}{{100}}}}
       message = 554 5.4.6 too many hops
  accept
begin routers
local:
  driver = accept
  transport = folder
begin transports
folder:
  driver = appendfile
  directory = {folder}/delivered
  maildir_format
  user = Debian-exim
  group = Debian-exim
"""


def exim(root, folder, port, options):
    private_users(folder, ["Debian-exim"])
    for name in ("spool", "delivered"):
        owned(folder / name, "Debian-exim")
    os.chown(folder, pwd.getpwnam("Debian-exim").pw_uid, 0)  # Its logs.
    os.chown(folder / "key.pem", pwd.getpwnam("Debian-exim").pw_uid, 0)
    # It reads no other file as root.
    mount("-t", "tmpfs", "none", "/var/lib")
    config = pathlib.Path("/var/lib/exim4/config.autogenerated")
    config.parent.mkdir()
    config.write_text(EXIM.format(
        folder=folder, port=port, size=SIZE, connections=options.connections or 100,
        messages=options.messages or 1000, idle=options.idle or 300,
        protocols=":-VERS-ALL:+VERS-TLS1.2" if options.tls12 else ""))
    return (f"Exim {debian_version(root, 'exim4-daemon-light')}",
            [f"{root}/tree/usr/sbin/exim4", "-bdf", "-q1h"],
            {"LD_LIBRARY_PATH": f"{root}/lib"})


OPENSMTPD = """\
pki mx.test cert "{folder}/cert.pem"
pki mx.test key "{folder}/key.pem"
smtp max-message-size "{size}"
smtp limit max-mails {messages}
table unknown {{ "unknown@example.net" }}
table full {{ "full@example.net" }}
table box {{ "@" = "keeper" }}
filter unknown phase rcpt-to match rcpt-to <unknown> reject "550 5.1.1 no such user"
filter full phase rcpt-to match rcpt-to <full> reject "452 4.2.2 mailbox full"
filter house chain {{ unknown, full }}
listen on 127.0.0.1 port {port} tls pki mx.test hostname mx.test filter house
listen on ::1 port {port} tls pki mx.test hostname mx.test filter house
action keep maildir "{folder}/delivered" virtual <box>
match from any for domain "example.net" action keep
"""


def opensmtpd(root, folder, port, options):
    private_users(folder, ["opensmtpd", "opensmtpq", "keeper"])
    owned(folder / "delivered", "keeper")
    # Its paths are fixed; these are empty ones, seen by nobody else.
    for path in ("/run", "/var/spool", "/var/lib", "/usr/libexec"):
        if pathlib.Path(path).exists():
            mount("-t", "tmpfs", "none", path)
    shutil.copytree(f"{root}/tree/usr/libexec/opensmtpd", "/usr/libexec/opensmtpd")
    for name, user, group, mode in [
            ("/var/lib/opensmtpd/empty", "root", None, 0o755),
            ("/var/spool/smtpd", "root", None, 0o711),
            ("/var/spool/smtpd/offline", "root", "opensmtpq", 0o770),
            ("/var/spool/smtpd/purge", "opensmtpq", "root", 0o700),
            ("/var/spool/smtpd/temporary", "opensmtpq", "root", 0o700),
            ("/var/spool/smtpd/queue", "opensmtpq", "root", 0o700)]:
        owned(pathlib.Path(name), user, group, mode)
    environment = {"LD_LIBRARY_PATH": f"{root}/lib"}
    if options.tls12:
        (folder / "openssl.cnf").write_text(
            "openssl_conf = a\n[a]\nssl_conf = b\n[b]\nsystem_default = c\n[c]\n"
            "MaxProtocol = TLSv1.2\n")
        environment["OPENSSL_CONF"] = str(folder / "openssl.cnf")
    config = folder / "smtpd.conf"
    config.write_text(OPENSMTPD.format(folder=folder, port=port, size=SIZE,
                                       messages=options.messages or 1000))
    return (f"OpenSMTPD {debian_version(root, 'opensmtpd')}",
            [f"{root}/tree/usr/sbin/smtpd", "-d", "-f", str(config)], environment)


def aiosmtpd(root, folder, port, options):
    (folder / "delivered/new").mkdir(parents=True)
    version = subprocess.run([SYSTEM_PYTHON, "-c", "import aiosmtpd; print(aiosmtpd.__version__)"],
                             capture_output=True, text=True)
    command = [SYSTEM_PYTHON, "-B", str(HERE.parent / "support/smtp_aiosmtpd.py"),
               "--folder", str(folder / "delivered/new"), "--port", str(port), "--size", str(SIZE),
               "--tls", str(folder / "cert.pem"), str(folder / "key.pem")]
    command += ["--tls12"] if options.tls12 else []
    command += ["--messages", str(options.messages)] if options.messages else []
    command += ["--idle", str(options.idle)] if options.idle else []
    return f"aiosmtpd {version.stdout.strip()}", command, {}


def node_version(root, name):
    return json.loads((root / f"npm/node_modules/{name}/package.json").read_text())["version"]


def smtp_server(root, folder, port, options):
    (folder / "delivered/new").mkdir(parents=True)
    return (f"smtp-server {node_version(root, 'smtp-server')}",
            ["node", str(HERE / "smtp_server.js"), str(folder), str(port), str(SIZE),
             str(options.messages or 0), str(options.connections or 0), str(options.idle or 300),
             "TLSv1.2" if options.tls12 else "TLSv1.3"],
            {"NODE_PATH": f"{root}/npm/node_modules"})


def haraka(root, folder, port, options):
    config = folder / "config"
    config.mkdir()
    (folder / "plugins").mkdir()
    (folder / "delivered/new").mkdir(parents=True)
    shutil.copy(HERE / "haraka_house.js", folder / "plugins/house.js")
    for name in ("cert.pem", "key.pem"):
        shutil.copy(folder / name, config / name)
    for name, text in {
            "smtp.ini": f"listen=127.0.0.1:{port},[::1]:{port}\nnodes=0\n"
                        f"inactivity_timeout={options.idle or 300}\n",
            "me": "mx.test\n",
            "plugins": "tls\nhouse\n",
            "connection.ini": f"[max]\nbytes={SIZE}\ndata_line_length=992\n[message]\nhelo=hello\nclose=bye\n[headers]\nmax_received=100\n[uuid]\n[haproxy]\n",
            "house.ini": f"messages={options.messages or 0}\n",
            "tls.ini": "key=key.pem\ncert=cert.pem\n",
            "log.ini": "[main]\nlevel=warn\n"}.items():
        (config / name).write_text(text)
    return (f"Haraka {node_version(root, 'Haraka')}",
            ["node", str(root / "npm/node_modules/Haraka/bin/haraka"), "-c", str(folder)],
            {"HARAKA_FOLDER": str(folder),
             "NODE_OPTIONS": "--tls-max-v1.2" if options.tls12 else ""})


# Its set-up, and whether it takes name spaces of its own.
SERVERS = {
    "postfix": (postfix, True),
    "exim": (exim, True),
    "opensmtpd": (opensmtpd, True),
    "aiosmtpd": (aiosmtpd, False),
    "smtp-server": (smtp_server, False),
    "haraka": (haraka, False),
}


def missing(name, root):
    """Why it cannot run here; "" if it can."""
    fetch = "get it with tests/interop/fetch_receivers.sh"
    if name == "exim" and not (root / "tree/usr/sbin/exim4").exists():
        return fetch
    if name == "opensmtpd" and not (root / "tree/usr/sbin/smtpd").exists():
        return fetch
    if name in ("smtp-server", "haraka"):
        if not shutil.which("node"):
            return f"there is no node of version {NODE}"
        version = subprocess.run(["node", "--version"], capture_output=True, text=True).stdout
        if int(version.strip().lstrip("v").split(".")[0]) < NODE:
            return f"node is {version.strip()}; it takes {NODE}"
        folder = {"smtp-server": "smtp-server", "haraka": "Haraka"}[name]
        if not (root / "npm/node_modules" / folder).exists():
            return fetch
    return ""
