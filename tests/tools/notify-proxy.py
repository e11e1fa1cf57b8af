#!/usr/bin/env python3
"""Answers system calls that a container's policy hands over, as a proxy of lxc.seccomp.notify.proxy.

usage: notify-proxy.py SOCKET ANSWER
SOCKET: a path, or @NAME. ANSWER: an error number (0 = success), "junk" for an answer to something else, "drop" to hang up, "silent".
Prints "ready", then a line for each request: number of the call, the path of its second argument, the cookie, how many descriptors came.
"""
import array
import os
import socket
import struct
import sys
import threading

HEAD = struct.Struct("=QiiHHHxxQ")
REQUEST = struct.Struct("=QIIiIQ6Q")
ANSWER = struct.Struct("=QqiI")


def answer(conn, data, fds, how):
    _, monitor, init, request_size, answer_size, _, cookie_size = HEAD.unpack_from(data)
    request = REQUEST.unpack_from(data, HEAD.size)
    cookie = data[HEAD.size + request_size + answer_size:]
    assert len(cookie) == cookie_size and monitor > 1 and init > 1
    os.stat("status", dir_fd=fds[0])
    path = os.pread(fds[1], 64, request[7]).split(b"\0")[0]
    print("call", request[3], path.decode(), cookie.decode() or "-", len(fds), flush=True)
    if how in ("drop", "silent"):
        return how == "silent"
    error = 0 if how == "junk" else -int(how)
    conn.send(data[:HEAD.size + request_size] + ANSWER.pack(request[0] + (how == "junk"), 0, error, 0))
    return True


def serve(conn, how):
    while True:
        data, extra, _, _ = conn.recvmsg(8192, 256)
        fds = array.array("i")
        for _, _, bytes_of in extra:
            fds.frombytes(bytes_of)
        go_on = bool(data) and answer(conn, data, fds, how)
        for fd in fds:
            os.close(fd)
        if not go_on:
            conn.close()
            return


def main():
    name, how = sys.argv[1:]
    server = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    server.bind("\0" + name[1:] if name[0] == "@" else name)
    server.listen(8)
    print("ready", flush=True)
    while True:
        conn, _ = server.accept()
        threading.Thread(target=serve, args=(conn, how), daemon=True).start()


main()
