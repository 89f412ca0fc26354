package s3store_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// bareServer is the variable that makes the test binary a bare server.
const bareServer = "S3STORE_BARE_SERVER"

func TestMain(m *testing.M) {
	if os.Getenv(bareServer) != "" {
		if err := serveBare(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// startBare starts a process that takes every request at as little cost as
// possible, and returns its URL.
func startBare(b *testing.B) string {
	b.Helper()
	cmd := exec.CommandContext(b.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), bareServer+"=1")
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = stdin.Close()
		_ = cmd.Wait() // the end of its standard input is its end
	})
	address, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	return "http://" + strings.TrimSpace(address)
}

func serveBare() error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go answerBare(c)
		}
	}()
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// answerBare says yes to whatever comes with a Content-Length.
func answerBare(c net.Conn) {
	defer c.Close()
	buf, have := make([]byte, 64<<10), 0
	for {
		n, err := c.Read(buf[have:])
		if err != nil {
			return
		}
		have += n
		end := bytes.Index(buf[:have], []byte("\r\n\r\n"))
		if end < 0 {
			continue
		}
		var length int
		_, after, _ := bytes.Cut(buf[:end+2], []byte("\r\nContent-Length: "))
		for _, d := range after[:max(0, bytes.IndexByte(after, '\r'))] {
			length = 10*length + int(d-'0')
		}
		if have < end+4+length {
			continue
		}
		have = 0
		if _, err := c.Write([]byte("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nETag: \"x\"\r\nDate: Mon, 02 Jan 2006 15:04:05 GMT\r\n\r\n")); err != nil {
			return
		}
	}
}
