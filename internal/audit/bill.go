package audit

import (
	"encoding/hex"
	"encoding/json"
	"slices"
	"strconv"

	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/vault"
)

// sentField is a field of a send that a repeat must equal
// (docs/api/wire.md#idempotency): what the bill may have kept of it, or anything of
// the right form when the packet does not say what was sent.
type sentField struct {
	name   string
	hashes []string
}

// hashLength is how many hex digits a bill keeps of a field.
const hashLength = 32

// sceneNames are the values of scene_id that there are.
var sceneNames = []string{
	"PRODUCT_1", "PRODUCT_2", "PRODUCT_3", "PRODUCT_4", "PRODUCT_5", "PRODUCT_6", "PRODUCT_7", "PRODUCT_8",
}

// sentFields are a packet's, in the order in which differences are reported.
func (a *audit) sentFields(b *book) []sentField {
	t := &b.Terms
	var calls, amounts, seeds []string
	switch t.Type {
	case packet.Group:
		calls, amounts = []string{"sendgroupredpack"}, []string{"ALL_RAND"}
	case packet.Normal:
		calls, amounts = []string{"sendredpack"}, []string{""}
	}
	if a.options.Deep && len(b.SeedRef) > 0 {
		if seed, err := a.vault.Open(vault.SeedRef, vault.PacketRow(b.Head.ID), b.SeedRef); err == nil {
			seeds = []string{string(seed)}
		}
	}
	field := func(name string, values ...string) sentField {
		f := sentField{name: name}
		for _, v := range values {
			sum := a.vault.FieldHash(name, v)
			f.hashes = append(f.hashes, hex.EncodeToString(sum[:]))
		}
		return f
	}
	return []sentField{
		field("call", calls...), field("re_openid", seeds...),
		field("total_amount", strconv.FormatInt(int64(t.Total), 10)), field("total_num", strconv.Itoa(t.Num)),
		field("wxappid", t.AppID), field("sub_mch_id"), field("amt_type", amounts...),
		field("send_name", t.SendName), field("wishing", t.Wishing), field("act_name", t.ActName), field("remark", t.Remark),
		field("scene_id", append([]string{""}, sceneNames...)...),
	}
}

func billFields(b *book) *wrong {
	if !b.billed {
		return nil
	}
	var kept map[string]string
	if err := json.Unmarshal(b.bill.Fields, &kept); err != nil {
		return wrongf(billRow(&b.bill), "its fields are no JSON of names and hashes")
	}
	for _, f := range b.fields {
		if !f.holds(kept[f.name]) {
			return wrongf(billRow(&b.bill), "what is kept of %s is not of what was sent", f.name)
		}
		delete(kept, f.name)
	}
	if len(kept) > 0 {
		return wrongf(billRow(&b.bill), "%d fields more than are compared", len(kept))
	}
	return nil
}

// holds says whether a bill may have kept hash of the field.
func (f *sentField) holds(hash string) bool {
	if len(f.hashes) == 0 {
		_, err := hex.DecodeString(hash)
		return err == nil && len(hash) == hashLength
	}
	return slices.Contains(f.hashes, hash)
}
