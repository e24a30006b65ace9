package location

// index finds the slot of a record by a key of its AOR: open addressing with linear probing. Each cell holds a slot plus
// one (low 32 bits, 0 for an empty cell) and the key, which places the record. Only this process knows the keys, as
// strangers choose AORs.
type index struct {
	cells []uint64
	used  int
}

const firstCells = 8

// find returns the slot for which is says yes among those of the key, or -1.
func (x *index) find(key uint32, is func(slot int) bool) int {
	if len(x.cells) == 0 {
		return -1
	}
	mask := len(x.cells) - 1
	for i := int(key) & mask; x.cells[i] != 0; i = (i + 1) & mask {
		if c := x.cells[i]; uint32(c>>32) == key && is(int(uint32(c))-1) {
			return int(uint32(c)) - 1
		}
	}
	return -1
}

// add enters a slot. At most 7 of 8 cells are used.
func (x *index) add(key uint32, slot int) {
	if 8*(x.used+1) > 7*len(x.cells) {
		x.grow()
	}
	x.put(uint64(key)<<32 | uint64(uint32(slot+1)))
	x.used++
}

func (x *index) put(cell uint64) {
	mask := len(x.cells) - 1
	i := int(cell>>32) & mask
	for x.cells[i] != 0 {
		i = (i + 1) & mask
	}
	x.cells[i] = cell
}

func (x *index) grow() {
	old := x.cells
	x.cells = make([]uint64, max(firstCells, 2*len(old)))
	for _, c := range old {
		if c != 0 {
			x.put(c)
		}
	}
}

// remove takes a slot out and closes the gap it leaves in its run.
func (x *index) remove(key uint32, slot int) {
	mask := len(x.cells) - 1
	i := int(key) & mask
	for int(uint32(x.cells[i]))-1 != slot {
		i = (i + 1) & mask
	}
	for j := (i + 1) & mask; x.cells[j] != 0; j = (j + 1) & mask {
		if home := int(x.cells[j]>>32) & mask; (j-home)&mask >= (j-i)&mask {
			x.cells[i] = x.cells[j]
			i = j
		}
	}
	x.cells[i] = 0
	x.used--
}
