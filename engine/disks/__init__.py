"""Image files behind drives.

counted_disk.py    a disk that counts what passes through it
block_device.py    what a hard disk controller needs of a disk, and its errors
host_file.py       an image file on the host, and the errors met there
lock.py            one writer for an image, any number of readers
raw.py             raw disk images, and making new (sparse) ones
probe.py           opens a hard disk image
floppy_image.py    diskette images of every size
cd_image.py        CD images: 2048-byte blocks, or raw 2352-byte sectors
cd_sector.py       a whole CD sector made from its data
"""
