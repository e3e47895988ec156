package v2

import "hongbao.example/hongbao/internal/fault"

// Words returns how a fault is said on the wire.
func Words(c fault.Code) (name, text string) { return codes[c].name, codes[c].text }
