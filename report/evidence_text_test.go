package report

import "testing"

func TestHexText(t *testing.T) {
	for _, tt := range []struct {
		bytes []byte
		want  string
	}{
		{nil, ""},
		{[]byte{0, 0, 8}, "000008"},
		{make([]byte, 16), "00000000000000000000000000000000"},
		{make([]byte, 17), "(17 times 00)"},
		{append(append([]byte{1}, make([]byte, 96)...), 0xff, 0), "01 (96 times 00) ff00"},
	} {
		if got := hexText(tt.bytes); got != tt.want {
			t.Errorf("%x: %q, want %q", tt.bytes, got, tt.want)
		}
	}
}
