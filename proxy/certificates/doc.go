// Package certificates holds what listeners of TLS and WSS prove themselves by, and
// whose certificates they take of clients: read from directories such as Secrets are
// mounted as, and read again when these change.
//
// # Invariants
//
//   - A handshake sees the certificates, and the certificate authority, of one moment. It
//     reads no file and waits for none.
//   - What can be used is kept until something else can: files that vanish, that are
//     garbage, or a key of another certificate are told of and change nothing.
//   - A connection that is there stays as it is, whatever becomes of the files.
//   - Who clients are is looked at anew with each connection, whether the session is
//     resumed or not. A listener without its certificate authority takes no certificate.
//   - Dates are the far end's to judge: a certificate that has expired is served.
package certificates
