//! What `object_store` demands of a store: the 18 functions of `object_store::integration`.

/// Calls the macro with each function, and with what it takes beside the store.
macro_rules! every_demand {
    ($with:ident!($($first:tt)*)) => {
        $with! { $($first)*; put_get_delete_list(), put_get_attributes(), get_opts(), put_opts(true), stream_get(),
            list_uses_directories_correctly(), list_with_delimiter(), get_nonexistent_object(), rename_and_copy(),
            copy_if_not_exists(), copy_rename_nonexistent_object(), multipart(itself), multipart_with_opts(itself),
            multipart_put_part_out_of_order(itself), multipart_race_condition(true), multipart_out_of_order(),
            list_paginated(itself), list_with_offset_exclusivity() }
    };
}

/// One of them, at a store.
macro_rules! demand {
    (get_nonexistent_object, $store:expr) => {
        let error = object_store::integration::get_nonexistent_object($store, None).await;
        let error = error.unwrap_err();
        assert!(matches!(error, object_store::Error::NotFound { .. }), "{error}");
    };
    ($name:ident, $store:expr) => {
        object_store::integration::$name($store).await
    };
    ($name:ident, $store:expr, itself) => {
        object_store::integration::$name($store, $store).await
    };
    ($name:ident, $store:expr, $more:tt) => {
        object_store::integration::$name($store, $more).await
    };
}
