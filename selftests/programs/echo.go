// SPDX-License-Identifier: GPL-2.0-only

// A server that gives back what it gets, and a client of it that says whether that is so, by
// many connections at a time: "go serve PORT", "go ask PORT BYTES", by 127.0.0.1. Made
// without C: it makes its system calls by itself.
package main

import (
	"bytes"
	"io"
	"log"
	"net"
	"os"
	"strconv"
)

const connections = 8

func serve(addr string) error {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	for {
		conn, err := listener.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer conn.Close()
			io.Copy(conn, conn)
		}()
	}
}

func ask(addr string, data []byte) error {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	go conn.Write(data)
	got := make([]byte, len(data))
	if _, err := io.ReadFull(conn, got); err != nil {
		return err
	}
	if !bytes.Equal(got, data) {
		log.Fatal("something else came back")
	}
	return nil
}

func main() {
	log.SetFlags(0)
	if len(os.Args) < 3 {
		log.Fatal("wrong usage")
	}
	addr := "127.0.0.1:" + os.Args[2]
	if os.Args[1] == "serve" {
		log.Fatal(serve(addr))
	}
	size, err := strconv.Atoi(os.Args[3])
	if err != nil {
		log.Fatal(err)
	}
	const text = "This sentence is not for everybody. "
	data := bytes.Repeat([]byte(text), size/len(text)+1)[:size]
	results := make(chan error)
	for i := 0; i < connections; i++ {
		go func() { results <- ask(addr, data) }()
	}
	for i := 0; i < connections; i++ {
		if err := <-results; err != nil {
			log.Fatal(err)
		}
	}
	os.Stdout.WriteString("came back\n")
}
