package peer

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"net"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"

	"github.com/sipring/sipring/proxy/config"
)

// Sizes of what a replicated update and its confirmation take.
const (
	requestSize = 150
	ackSize     = 14
)

// windows is how many requests are under way at once: one at a time, what a
// moderate and what a heavy load brings.
var windows = []int{1, 32, 1024}

// BenchmarkStream sends requests over our stream and waits for their
// confirmations.
func BenchmarkStream(b *testing.B) {
	for _, window := range windows {
		b.Run(fmt.Sprintf("window=%d", window), func(b *testing.B) {
			client, server := tlsPair(b)
			one, two := newStream(client, hello{}, noEpoch, often), newStream(server, hello{}, noEpoch, often)
			one.run()
			two.run()
			acks := make(chan struct{}, window)
			go two.read(func(kind uint8, payload []byte) {
				if kind == kindCluster {
					_ = two.append(kindCluster, payload[:ackSize])
				}
			})
			go one.read(func(kind uint8, _ []byte) {
				if kind == kindCluster {
					acks <- struct{}{}
				}
			})
			request := make([]byte, requestSize)
			pipeline(b, window, acks, func(i int) error {
				binary.BigEndian.PutUint64(request, uint64(i))
				return one.append(kindCluster, request)
			})
			one.fail(errClosed)
			two.fail(errClosed)
			one.wait()
			two.wait()
		})
	}
}

// BenchmarkGRPC does the same over one bidirectional stream of gRPC, with the
// same TLS and the bytes as they are: no protobuf. All that was queued goes out
// before the sender sleeps, as gRPC does by itself.
func BenchmarkGRPC(b *testing.B) {
	for _, window := range windows {
		b.Run(fmt.Sprintf("window=%d", window), func(b *testing.B) {
			stream := grpcStream(b)
			acks := make(chan struct{}, window)
			go func() {
				var ack []byte
				for stream.RecvMsg(&ack) == nil {
					acks <- struct{}{}
				}
			}()
			request := make([]byte, requestSize)
			pipeline(b, window, acks, func(i int) error {
				binary.BigEndian.PutUint64(request, uint64(i))
				return stream.SendMsg(&request)
			})
		})
	}
}

// pipeline keeps window requests under way until b.N are confirmed, and reports
// the CPU time of the whole process for each.
func pipeline(b *testing.B, window int, acks <-chan struct{}, send func(i int) error) {
	b.ReportAllocs()
	b.ResetTimer()
	before := cpuTime()
	sent := 0
	for confirmed := 0; confirmed < b.N; {
		for sent < b.N && sent-confirmed < window {
			if err := send(sent); err != nil {
				b.Fatal(err)
			}
			sent++
		}
		<-acks
		for confirmed++; len(acks) > 0; confirmed++ {
			<-acks
		}
	}
	b.StopTimer()
	b.ReportMetric(float64(cpuTime()-before)/float64(b.N), "cpu-ns/op")
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func noEpoch() uint64 { return 0 }

// tlsPair is a connection over loopback that proved both sides.
func tlsPair(b *testing.B) (client, server *tls.Conn) {
	b.Helper()
	id, err := newIdentity(config.NewKeys())
	if err != nil {
		b.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	out, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	in, err := l.Accept()
	if err != nil {
		b.Fatal(err)
	}
	client, server = tls.Client(out, id.config()), tls.Server(in, id.config())
	proved := make(chan error, 1)
	go func() { proved <- server.Handshake() }()
	if err := client.Handshake(); err != nil {
		b.Fatal(err)
	}
	if err := <-proved; err != nil {
		b.Fatal(err)
	}
	return client, server
}

// rawCodec passes *[]byte as it is.
type rawCodec struct{}

func (rawCodec) Name() string { return "raw" }

func (rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(*v.(*[]byte))}, nil
}

func (rawCodec) Unmarshal(data mem.BufferSlice, v any) error {
	p := v.(*[]byte)
	if n := data.Len(); cap(*p) < n {
		*p = make([]byte, n)
	} else {
		*p = (*p)[:n]
	}
	data.CopyTo(*p)
	return nil
}

var _ encoding.CodecV2 = rawCodec{}

// grpcStream is a bidirectional stream whose other end confirms every message.
func grpcStream(b *testing.B) grpc.ClientStream {
	b.Helper()
	id, err := newIdentity(config.NewKeys())
	if err != nil {
		b.Fatal(err)
	}
	server, client := id.config(), id.config()
	server.NextProtos, client.NextProtos = []string{"h2"}, []string{"h2"}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	s := grpc.NewServer(grpc.Creds(credentials.NewTLS(server)), grpc.ForceServerCodecV2(rawCodec{}), grpc.UnknownServiceHandler(confirm))
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = s.Serve(l)
	}()
	conn, err := grpc.NewClient(l.Addr().String(), grpc.WithTransportCredentials(credentials.NewTLS(client)), grpc.WithDefaultCallOptions(grpc.ForceCodecV2(rawCodec{})))
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	b.Cleanup(func() {
		cancel()
		_ = conn.Close()
		s.Stop()
		<-served
	})
	stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, "/peer/stream")
	if err != nil {
		b.Fatal(err)
	}
	return stream
}

func confirm(_ any, stream grpc.ServerStream) error {
	var request []byte
	for {
		if err := stream.RecvMsg(&request); err != nil {
			return err
		}
		ack := append([]byte(nil), request[:ackSize]...) // gRPC keeps it until it is sent
		if err := stream.SendMsg(&ack); err != nil {
			return err
		}
	}
}
