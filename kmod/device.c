// SPDX-License-Identifier: GPL-2.0
/*
 * /dev/nodemon: maps the ring for reading, and lets readers sleep.
 *
 * It is not a misc device, because these cannot carry a group, and the node
 * should have the right one from the moment it is there, with or without udev.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/atomic.h>
#include <linux/cdev.h>
#include <linux/device.h>
#include <linux/fs.h>
#include <linux/irq_work.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>
#include <linux/wait.h>

#include "compat.h"
#include "nodemon.h"
#include "nodemon_device.h"

struct reader {
	u64 wake_at;
};

struct nodemon_device {
	struct device device;
	struct cdev cdev;
};

static DECLARE_WAIT_QUEUE_HEAD(sleepers);
static struct irq_work wake_work;
/* The least position that somebody sleeps for, S64_MAX if nobody does. */
static atomic64_t wake_at = ATOMIC64_INIT(S64_MAX);

static struct class nodemon_class = { .name = "nodemon" };
static struct nodemon_device *nodemon_device;
static kgid_t device_group;
static dev_t number;

/*
 * Sleepers arm wake_at again when they find that it was not for them. They have
 * queued themselves before arming, and this disarms before waking, so that
 * nobody is left asleep.
 */
static void wake(struct irq_work *work)
{
	atomic64_set(&wake_at, S64_MAX);
	smp_mb(); /* pairs with the barrier in nodemon_poll() */
	wake_up_poll(&sleepers, EPOLLIN | EPOLLRDNORM);
}

/*
 * From the timer. The queue's lock may not be taken in a hard interrupt on
 * PREEMPT_RT, so the waking is left to an irq_work, and only when it is due.
 */
void nodemon_device_wake(u64 written)
{
	smp_mb(); /* header.written is stored before wake_at is looked at */
	if ((s64)written >= atomic64_read(&wake_at))
		irq_work_queue(&wake_work);
}

static void arm(u64 position)
{
	s64 armed = atomic64_read(&wake_at);

	while ((s64)position < armed)
		if (atomic64_try_cmpxchg(&wake_at, &armed, position))
			break;
}

static int nodemon_open(struct inode *inode, struct file *file)
{
	struct reader *reader = kzalloc(sizeof(*reader), GFP_KERNEL);

	if (!reader)
		return -ENOMEM;
	reader->wake_at = READ_ONCE(nodemon_header->written) + 1;
	file->private_data = reader;
	return nonseekable_open(inode, file);
}

static int nodemon_release(struct inode *inode, struct file *file)
{
	kfree(file->private_data);
	return 0;
}

static int nodemon_mmap(struct file *file, struct vm_area_struct *vma)
{
	if (vma->vm_flags & VM_WRITE)
		return -EACCES;
	nodemon_never_writable(vma);
	return remap_vmalloc_range(vma, nodemon_header, vma->vm_pgoff);
}

static __poll_t nodemon_poll(struct file *file, poll_table *table)
{
	struct reader *reader = file->private_data;
	u64 position = READ_ONCE(reader->wake_at);

	poll_wait(file, &sleepers, table);
	smp_mb(); /* queued before wake_at is armed */
	arm(position);
	smp_mb(); /* armed before header.written is looked at */
	return READ_ONCE(nodemon_header->written) >= position ? EPOLLIN | EPOLLRDNORM : 0;
}

static long nodemon_ioctl(struct file *file, unsigned int command, unsigned long argument)
{
	struct reader *reader = file->private_data;
	u64 position;

	if (command != NODEMON_IOC_WAKE_AT)
		return -ENOTTY;
	if (get_user(position, (u64 __user *)argument))
		return -EFAULT;

	position = min_t(u64, position, S64_MAX);
	WRITE_ONCE(reader->wake_at, position);
	/* Whoever polls this file already is to look again. */
	arm(position);
	return 0;
}

static const struct file_operations nodemon_operations = {
	.owner = THIS_MODULE, /* no unloading while open or mapped */
	.open = nodemon_open,
	.release = nodemon_release,
	.mmap = nodemon_mmap,
	.poll = nodemon_poll,
	.unlocked_ioctl = nodemon_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

static char *devnode(NODEMON_DEVNODE_CONST struct device *device, umode_t *mode, kuid_t *uid,
		     kgid_t *gid)
{
	if (mode)
		*mode = 0440;
	if (gid)
		*gid = device_group;
	return NULL; /* the name is the device's */
}

static const struct device_type nodemon_type = {
	.name = "nodemon",
	.devnode = devnode,
};

static void release_device(struct device *device)
{
	kfree(container_of(device, struct nodemon_device, device));
}

static int add_device(void)
{
	struct device *device;
	int error;

	nodemon_device = kzalloc(sizeof(*nodemon_device), GFP_KERNEL);
	if (!nodemon_device)
		return -ENOMEM;

	device = &nodemon_device->device;
	device_initialize(device);
	device->devt = number;
	device->class = &nodemon_class;
	device->type = &nodemon_type;
	device->release = release_device;
	cdev_init(&nodemon_device->cdev, &nodemon_operations);
	nodemon_device->cdev.owner = THIS_MODULE;

	error = dev_set_name(device, "nodemon");
	if (!error)
		error = cdev_device_add(&nodemon_device->cdev, device);
	if (error)
		put_device(device);
	return error;
}

int nodemon_device_create(kgid_t group)
{
	int error;

	device_group = group;
	init_irq_work(&wake_work, wake);

	error = alloc_chrdev_region(&number, 0, 1, "nodemon");
	if (error)
		goto told;
	error = class_register(&nodemon_class);
	if (error)
		goto no_class;
	error = add_device();
	if (error)
		goto no_device;
	return 0;

no_device:
	class_unregister(&nodemon_class);
no_class:
	unregister_chrdev_region(number, 1);
told:
	pr_err("cannot create " NODEMON_DEVICE_PATH ": error %d\n", error);
	return error;
}

/* The timer is stopped, so nothing queues the work any more. */
void nodemon_device_destroy(void)
{
	cdev_device_del(&nodemon_device->cdev, &nodemon_device->device);
	put_device(&nodemon_device->device);
	class_unregister(&nodemon_class);
	unregister_chrdev_region(number, 1);
	irq_work_sync(&wake_work);
}
