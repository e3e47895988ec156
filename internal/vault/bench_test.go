package vault_test

import (
	"bytes"
	"testing"

	"hongbao.example/hongbao/internal/vault"
)

func BenchmarkClaimant(b *testing.B) {
	v := vault.New(testKey())
	b.ReportAllocs()
	for b.Loop() {
		v.Claimant(1, "wx0123456789abcdef", "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o")
	}
}

func BenchmarkPayeeHash(b *testing.B) {
	v := vault.New(testKey())
	payee := bytes.Repeat([]byte("p"), 60)
	b.ReportAllocs()
	for b.Loop() {
		v.PayeeHash(1, payee)
	}
}

func BenchmarkSeal(b *testing.B) {
	v := vault.New(testKey())
	row, payee := bytes.Repeat([]byte("r"), 24), bytes.Repeat([]byte("p"), 60)
	b.ReportAllocs()
	for b.Loop() {
		v.Seal(vault.PayeeRef, row, payee)
	}
}

func BenchmarkOpen(b *testing.B) {
	v := vault.New(testKey())
	row := bytes.Repeat([]byte("r"), 24)
	sealed := v.Seal(vault.PayeeRef, row, bytes.Repeat([]byte("p"), 60))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.Open(vault.PayeeRef, row, sealed); err != nil {
			b.Fatal(err)
		}
	}
}
