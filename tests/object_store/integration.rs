//! `object_store`'s own tests of a store: the 18 functions of `object_store::integration`.

use crate::worlds;

/// What they demand, each at a fresh store.
macro_rules! demands {
    ($world:ident) => { every_demand!(demands!($world)); };
    ($world:ident; $($name:ident($($more:tt)?)),+) => {
        mod $world {
            $(#[tokio::test]
            async fn $name() {
                let world = super::worlds::$world().await;
                demand!($name, &world.store $(, $more)?);
            })+
        }
    };
}

demands!(one);
demands!(three);
demands!(three_with_stamps);
demands!(a_copy_is_dead);
demands!(a_copy_flaps);
demands!(the_home_flaps);

#[cfg(feature = "s3")]
demands!(s3_and_its_replica);
#[cfg(feature = "s3")]
demands!(s3_whose_replica_is_killed);

/// Under `write_once`, with `overwrite_as_create`. Left out:
///
/// | function | because it |
/// |---|---|
/// | `put_get_attributes` | stores one key by a put, and then by an upload |
/// | `get_opts` | overwrites, to see the tag change |
/// | `stream_get` | overwrites by an upload |
/// | `rename_and_copy` | copies and renames onto what exists |
/// | `multipart_race_condition` | completes two uploads of one key, and wants the last one to win |
///
/// `put_opts` is told that there are no updates.
macro_rules! demands_once {
    ($world:ident) => {
        demands!($world; put_get_delete_list(), put_opts(false), list_uses_directories_correctly(),
            list_with_delimiter(), get_nonexistent_object(), copy_if_not_exists(), copy_rename_nonexistent_object(),
            multipart(itself), multipart_with_opts(itself), multipart_put_part_out_of_order(itself),
            multipart_out_of_order(), list_paginated(itself), list_with_offset_exclusivity());
    };
}

demands_once!(write_once_at_one);
demands_once!(write_once_at_three);
